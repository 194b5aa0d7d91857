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
	if _, err := c.wait(nil, "leadership"); err != nil {
		return nil, err
	}
	killed, err := c.lead(*kills, c.kill)
	if err != nil {
		return nil, err
	}
	stopped, err := c.lead(*kills/5+1, c.stop)
	if err != nil {
		return nil, err
	}
	n := len(killed)
	got := fmt.Sprintf("median %v, 95 of 100 within %v, worst %v", round(killed[n/2]), round(killed[n*95/100]), round(killed[n-1]))
	return []row{
		{fmt.Sprintf("leader killed -9, first write accepted (%d times)", n), got, "median 1s, 95 of 100 within 2s"},
		{"leader stopped in order, first write accepted", spread(stopped), ""},
	}, nil
}

// lead ends the leader so many times, and starts it again. It returns how long it
// took each time until another process had its first write accepted, rising.
func (c *nodes) lead(times int, end func(*process) error) (all []time.Duration, err error) {
	for range times {
		dead := c.leadership.by
		at := time.Now()
		if err := end(dead); err != nil {
			return nil, err
		}
		next, err := c.wait(nil, "leadership")
		if err != nil {
			return nil, err
		}
		all = append(all, next.at.Sub(at))
		dead.cmd.Wait() // one that was killed ends with an error
		if err := c.restart(dead); err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all, nil
}

// measureCalm counts elections nobody needs while all processors are busy.
func measureCalm() ([]row, error) {
	c, err := startNodes(*folder)
	if err != nil {
		return nil, err
	}
	defer c.close()
	leader, err := c.wait(nil, "leadership")
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
				if strings.HasPrefix(s.line, "leadership") {
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
