package main

import "testing"

func TestProxyOf(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	check := func(server, want string) {
		t.Helper()
		if got := proxyOf(server); got != want {
			t.Errorf("%s is reached by %q, want %q", server, got, want)
		}
	}
	check("c1.example.org:7001", "")
	t.Setenv("https_proxy", "http://ann:secret@proxy.example.org:3128")
	const proxy = "http://ann:xxxxx@proxy.example.org:3128"
	for server, want := range map[string]string{
		"c1.example.org:7001": proxy, "192.0.2.2:7001": proxy, "[2001:db8::1]:7001": proxy,
		"10.1.2.3:7001": "", "172.16.0.1:7001": "", "192.168.1.1:7001": "", "127.0.0.1:7001": "", "localhost:7001": "", "[fd00::1]:7001": "", "[fe80::1]:7001": "",
		"no port": "",
	} {
		check(server, want)
	}
	t.Setenv("NO_PROXY", "192.0.2.0/24,.example.org")
	check("192.0.2.2:7001", "")
	check("c1.example.org:7001", "")
}
