"""Values handed from one task to the next: XComs, files of ids, storage."""
