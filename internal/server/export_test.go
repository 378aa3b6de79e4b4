package server

// The tests are a package of their own, which a server for tests may import.
const (
	HeaderTime    = headerTime
	IdleTime      = idleTime
	MaxHeader     = maxHeader
	MaxStreams    = maxStreams
	ArrivingShare = arrivingShare
	PerConnection = perConnection
	PerRequest    = perRequest
	ResponseTime  = responseTime
	StallTime     = stallTime
)
