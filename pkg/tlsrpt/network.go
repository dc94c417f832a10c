package tlsrpt

import "net/netip"

// Network returns the network that an address is grouped under: the /24 of an
// IPv4 address, the /48 of an IPv6 address, such as "192.0.2.0/24". It is empty
// where ip is no address.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
