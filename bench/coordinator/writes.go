package main

import "fmt"

// measureWrites is about commands committed by three processes that each wait for
// their disk. The clients are in the leader's process: the network of the API is not
// in it.
func measureWrites() ([]row, error) {
	c, err := startNodes(*folder)
	if err != nil {
		return nil, err
	}
	defer c.close()
	leader, err := c.wait(nil, "leadership")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, m := range []struct {
		clients int
		goal    string
	}{{1, "800/s"}, {64, "12000/s"}, {1000, "30000/s"}} {
		clients, goal := m.clients, m.goal
		if _, err := c.ask(leader.by, fmt.Sprintf("write %d 1", clients), "wrote"); err != nil { // warm
			return nil, err
		}
		got, err := c.ask(leader.by, fmt.Sprintf("write %d 5", clients), "wrote")
		if err != nil {
			return nil, err
		}
		var rate float64
		var median, worst string
		if _, err := fmt.Sscanf(got, "%g %s %s", &rate, &median, &worst); err != nil {
			return nil, fmt.Errorf("answer %q: %w", got, err)
		}
		rows = append(rows, row{fmt.Sprintf("committed writes, %d clients", clients), fmt.Sprintf("%.0f/s (median %s, 99 of 100 within %s)", rate, median, worst), goal})
	}
	return rows, nil
}
