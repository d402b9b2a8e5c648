"""What the system does, one verb a file: decide, then write once; effects come from rows after the commit."""
