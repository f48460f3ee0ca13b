module github.com/kirin-server/kirin

go 1.26.8
