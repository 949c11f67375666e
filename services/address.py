"""Which IP addresses can be somebody's: for who writes entries and for who reads them; pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

IP = IPv4Address | IPv6Address

_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_BROADCAST = IPv4Address("255.255.255.255")


def parse_ip(text: str) -> IP | None:
    """Return the address that *text* is, None if it is none.

    One of IPv4 in IPv6's clothes (``::ffff:127.0.0.1``) is the one of IPv4: whoever connects to it
    gets there.
    """
    # Behind the % of a link-local address Python's parser lets anything pass, line feeds too.
    if "%" in text:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def is_of_one(ip: IP) -> bool:
    """Whether *ip* can be the address of one machine, rather than of all, of many or of none.

    A connection to 0.0.0.0 ends at whoever makes it.
    """
    if ip.is_multicast or ip.is_unspecified:
        return False
    return ip.version == 6 or not (ip in _THIS_NETWORK or ip == _BROADCAST)  # noqa: PLR2004
