"""Commands run beside a running task, in its sandbox and environment; implements `api/sandbox_port.py`."""
