module g2c

go 1.26.8
