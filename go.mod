module argserver

go 1.26
