"""Which IP addresses count as public, for requests whose target somebody else chose.

Python's `is_global` is not enough: 3.11 passes `::ffff:100.64.0.1`, `64:ff9b::7f00:1` (NAT64 of 127.0.0.1) and
`2002:7f00:1::` (6to4 of 127.0.0.1). The rule here is GoToSocial's (`internal/netutil/validate.go`), fed from the
IANA special-purpose registries for IPv4 and IPv6 and narrowed to 2000::/3, all of IPv6 that has been given out so far.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address

SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by providers (RFC 6598)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the host beneath every machine on Azure (learn.microsoft.com)
        "169.254.0.0/16",  # link-local, the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, carries any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
    )
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; IPv6-only hosts reach IPv4 servers through it


def is_public(address: IPAddress) -> bool:
    """Say whether `address` is an ordinary public unicast address.

    IPv4-mapped and NAT64 addresses are judged by the IPv4 address inside, because that is where the packets go.
    Other ways to carry IPv4 in IPv6 (compatible, 6to4, Teredo) are long dead and never public.
    """
    if isinstance(address, IPv6Address):
        embedded = _embedded_v4(address)
        if embedded is None:
            return address in GLOBAL_UNICAST_V6 and not any(address in network for network in SPECIAL_V6)
        address = embedded
    return not any(address in network for network in SPECIAL_V4)


def _embedded_v4(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
