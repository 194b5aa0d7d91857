package main

import (
	"net"
	"net/netip"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxyOf is the proxy that the environment (HTTPS_PROXY, NO_PROXY) puts before a server,
// without its password; empty where there is none. Machines of a private network are dialled
// straight: proxies lead out of it.
func proxyOf(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()) {
		return ""
	}
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(&url.URL{Scheme: "https", Host: server})
	switch {
	case err != nil:
		return "of the environment, which is no URL" // the call by it says more
	case proxy == nil:
		return ""
	}
	return proxy.Redacted()
}
