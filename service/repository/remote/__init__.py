"""A model repository behind a URL: read, mirrored into a plain directory, and written.

What imports fsspec and its drivers does so when a store is opened: the service without one needs
none of them.
"""
