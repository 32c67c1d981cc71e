"""Codecs of message bodies: JSON, text, gzip, Fernet, MessagePack, base64 and hex. No I/O."""
