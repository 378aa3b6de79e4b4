package grpchealth

// The tests are a package of their own, which a server for tests may import.
var CheckHealth = checkHealth

const Internal = grpcInternal
const NotFound = grpcNotFound
const OK = grpcOK
const ResourceExhausted = grpcResourceExhausted
const Unimplemented = grpcUnimplemented

var HealthService = healthService
