"""HTTP/1.1 on connections: requests parsed by llhttp, their time limits, and connections cut on demand."""
