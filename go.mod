module argserver

// A minimum: a release is built by exactly the toolchain.
go 1.26

toolchain go1.26.8
