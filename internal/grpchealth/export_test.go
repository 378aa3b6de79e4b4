package grpchealth

// The tests are a package of their own, which a server for tests may import.
var CheckHealth = checkHealth

const GrpcInternal = grpcInternal
const GrpcNotFound = grpcNotFound
const GrpcOK = grpcOK
const GrpcResourceExhausted = grpcResourceExhausted
const GrpcUnimplemented = grpcUnimplemented

var HealthService = healthService
