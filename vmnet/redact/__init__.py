"""Secrets out of what is handed to others. Pure: text in, text out.

Three nets, one behind the other. Where the form of a text is known, only what is known to be harmless stays: settings
of profiles, elements and attributes of libvirt's documents. Where it is not, what looks like a secret goes: after words
like `psk` and `password`, in URLs, in the forms that tokens and keys have. And what this host is known to keep secret
goes wherever it stands.
"""
