package negotiate

// The tests are a package of their own, which a server for tests may import.
var Accepted = acceptedFormat
var AcceptedWeight = acceptedWeight
