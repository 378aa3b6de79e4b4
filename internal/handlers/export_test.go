package handlers

// The tests are a package of their own, which a server for tests may import.
var Identity = identity
var ListedVariables = listedVariables
var NulTerminated = nulTerminated
var OverviewHandler = overviewHandler
var Page = page
var RequestHandler = requestHandler
var ShellCommand = shellCommand
