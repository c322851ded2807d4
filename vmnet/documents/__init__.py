"""libvirt's documents <-> records, through lxml, on the documents in xml/.

Documents are never put together from text: those of xml/ are filled in, and those that libvirt gave are edited in
place, so that what vmnet does not know of stays as it is.
"""
