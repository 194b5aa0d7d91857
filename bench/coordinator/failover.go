package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// measureFailover kills the leader again and again: the time until another process
// has had its first write accepted.
func measureFailover() ([]row, error) {
	c, err := startNodes(*folder)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := c.wait(nil, "reign"); err != nil {
		return nil, err
	}
	var all []time.Duration
	for range *kills {
		dead := c.reign.by
		at := time.Now()
		if err := c.kill(dead); err != nil {
			return nil, err
		}
		next, err := c.wait(nil, "reign")
		if err != nil {
			return nil, err
		}
		all = append(all, next.at.Sub(at))
		if err := c.restart(dead); err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	n := len(all)
	got := fmt.Sprintf("median %v, 95 of 100 within %v, worst %v", round(all[n/2]), round(all[n*95/100]), round(all[n-1]))
	return []row{{fmt.Sprintf("leader killed -9, first write accepted (%d times)", n), got, "median 1s, 95 of 100 within 2s"}}, nil
}

// measureCalm counts elections nobody needs while all processors are busy.
func measureCalm() ([]row, error) {
	c, err := startNodes(*folder)
	if err != nil {
		return nil, err
	}
	defer c.close()
	leader, err := c.wait(nil, "reign")
	if err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	defer close(stop)
	for range runtime.NumCPU() {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	end := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	elections := 0
	for time.Now().Before(end) {
		if _, err := fmt.Fprintln(leader.by.in, "write 64 1"); err != nil {
			return nil, err
		}
		for wrote := false; !wrote; {
			select {
			case s := <-c.lines:
				wrote = strings.HasPrefix(s.line, "wrote")
				if strings.HasPrefix(s.line, "reign") {
					elections++
					leader = s
				}
			case <-time.After(patience):
				return nil, fmt.Errorf("the leader does not answer")
			}
		}
	}
	return []row{{fmt.Sprintf("elections in %g minutes, processors busy, 64 clients", *minutes), fmt.Sprint(elections), "0"}}, nil
}
