"""A camera's frames over a WebSocket: each is answered by its foreground's opacity."""
