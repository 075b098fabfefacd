// The image's HEALTHCHECK: asks this container's own service whether it is ready. Exit code 0: it is.
// `node deploy/health.ts [PORT]`, the port of `listen.admin` unless given.
const port = process.argv[2] ?? '9464';
try {
  const answer = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2_500) });
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`no answer on port ${port}: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

export {};
