"""The firewall: nft's, iptables' and firewalld's rules, and br_netfilter's switches."""
