// Which blocks of our code ran: V8's own block coverage, asked of the inspector of this process. Begin before the code under
// test is imported, or what it compiled until then has no counters.
import { Session } from 'node:inspector';

type Range = { startOffset: number; endOffset: number; count: number };
type Script = { scriptId: string; url: string; functions: { ranges: Range[] }[] };

/** The blocks that ran since the last call, each by script and place. */
export type Coverage = () => Set<string>;

/** Of the scripts whose URL `isOurs`. */
export function startCoverage(isOurs: (url: string) => boolean): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return () => {
    const ran = new Set<string>();
    // Of the same thread the answer comes before `post` returns.
    session.post('Profiler.takePreciseCoverage', (_error, answer) => {
      for (const { scriptId, url, functions } of answer.result as Script[]) {
        if (!isOurs(url)) continue;
        for (const { ranges } of functions)
          for (const { startOffset, endOffset, count } of ranges)
            if (count > 0) ran.add(`${scriptId}:${startOffset}:${endOffset}`);
      }
    });
    return ran;
  };
}
