import pytest

from app.errors import InvalidUploadError
from app.multipart import MultipartReader

BODY = (
    b"--sep\r\n"
    b'Content-Disposition: form-data; name="clip"; filename="../../x.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n"
    b"\x00\r\n--se\xff\r\n"
    b"--sep\r\n"
    b"Content-Type: image/png\r\n"
    b'content-disposition: form-data; name="fr\xc3\xa4me"\r\n\r\n'
    b"\r\n"
    b"--sep--\r\n"
)


def read_parts(
    body: bytes, *, chunk_bytes: int, boundary: bytes = b"sep"
) -> list[tuple[str, bytes]]:
    reader = MultipartReader(boundary)
    parts: dict[int, tuple[str, bytes]] = {}
    for start in range(0, len(body), chunk_bytes):
        for found in reader.feed(body[start : start + chunk_bytes]):
            _, data = parts.get(found.index, ("", b""))
            parts[found.index] = (found.field, data + found.data)
    reader.finish()
    return list(parts.values())


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64, 1000])
def test_parts_are_the_same_however_the_body_arrives(chunk_bytes: int) -> None:
    parts = read_parts(BODY, chunk_bytes=chunk_bytes)

    assert parts == [("clip", b"\x00\r\n--se\xff"), ("fr\xe4me", b"")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BODY[:-10], "ends before its closing boundary"),
        (b"hello", "is broken"),
        (b"", "ends before its closing boundary"),
        (BODY.replace(b"form-data; name=", b"form-data; nom="), "part 0 .* has no name"),
        (BODY.replace(b"Content-Disposition", b"Content-Position"), "part 0 .* has no name"),
        (b"--sep\r\nX: " + b"x" * 100_000, "Maximum header size exceeded"),
    ],
)
def test_broken_body_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidUploadError, match=message):
        read_parts(body, chunk_bytes=1000)


@pytest.mark.parametrize("boundary", [b"", b"x" * 1000])
def test_boundary_that_is_none_is_refused(boundary: bytes) -> None:
    with pytest.raises(InvalidUploadError, match=r"[Bb]oundary"):
        MultipartReader(boundary)
