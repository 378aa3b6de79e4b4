package probe

// The tests are a package of their own, which a server for tests may import.
type DialFunc = dialFunc
