package accesslog

// The tests are a package of their own, which a server for tests may import.
