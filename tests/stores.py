"""An S3 server on this machine: moto's."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def s3_store() -> Iterator[str]:
    """Yields the address of an empty bucket, which everything here reads and writes as if it were at Amazon's."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")  # of an earlier one's objects
    urllib.request.urlopen(reset).close()  # noqa: S310
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing secret")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            S3FileSystem.clear_instance_cache()
            S3FileSystem().mkdir("bucket")
            yield "s3://bucket"
    finally:
        S3FileSystem.clear_instance_cache()
        server.stop()
