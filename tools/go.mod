module github.com/mongogate/mongogate/tools

go 1.26.0
