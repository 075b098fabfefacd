# Runs the Tiltfile with Tilt's built-ins replaced by ones that write down how they were called. Starlark is near enough to
# Python for that. Reads the rendered overlay's objects as JSON from stdin, writes the calls as JSON to stdout.
import json
import sys

objects = json.load(sys.stdin)
calls = []


def record(name):
    def call(*args, **kwargs):
        entry = {'call': name, 'args': list(args), **kwargs}
        if name not in ('port_forward', 'sync', 'fall_back_on'):
            calls.append(entry)
        return entry

    return call


class Blob(str):
    pass


def read_file(path):
    with open(path) as file:
        return Blob(file.read())


def kustomize(path):
    calls.append({'call': 'kustomize', 'args': [path]})
    return 'rendered'


NAMES = ['allow_k8s_contexts', 'docker_build', 'k8s_yaml', 'k8s_resource', 'local_resource', 'port_forward', 'sync', 'fall_back_on']
# What Starlark has and Python's own names that it has not: a Tiltfile that uses another one fails here as it would there.
builtins = {name: __builtins__.__dict__[name] for name in ('str', 'len', 'range', 'sorted', 'dict', 'list', 'enumerate', 'zip')}
scope = {
    '__builtins__': builtins,
    'TRIGGER_MODE_MANUAL': 'manual',
    'read_file': read_file,
    'kustomize': kustomize,
    'decode_yaml_stream': lambda blob: objects if blob == 'rendered' else [],
    'encode_yaml_stream': lambda these: these,
    **{name: record(name) for name in NAMES},
}
with open('Tiltfile') as file:
    exec(compile(file.read(), 'Tiltfile', 'exec'), scope)
json.dump(calls, sys.stdout)
