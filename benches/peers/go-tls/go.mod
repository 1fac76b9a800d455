module go-tls

go 1.19
