package server

// The tests are a package of their own, which a server for tests may import.
const MaxStreams = maxStreams
