"""What a process that reads strangers' files may still do, if such a file takes it over.

`limits` bounds what it uses, `seccomp` and `landlock` take away what decoding never needs,
`environment` keeps settings from it, and `messages` reads what it answers without running it. Each
works without privileges, in a container too.
"""
