module g2c

go 1.26.8

require golang.org/x/image v0.39.0
