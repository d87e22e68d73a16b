"""Who a person is: accounts, sign-in, cookie sessions, tokens for sockets.

`relay.app` mounts its routes; HTTP handlers of the other packages ask `people` who is asking.
"""
