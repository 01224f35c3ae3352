"""Attacks on the admin listener by somebody without the token."""
from net import connect, hold

GET = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
TOKEN = '[admin]\ntoken_file = "{folder}/admin-token"\n'


def connections(run):
    """More connections than the process may have files, some of them with answers that are not read."""
    def opened(number):
        one = connect(run.admin_port, "127.0.0.1")
        if number % 50 == 0:
            one.setblocking(False)
            try:
                while True:
                    one.send(GET * 1000)
            except BlockingIOError:
                pass
        return one
    return hold(run.end, 3000, opened)
