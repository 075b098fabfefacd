// From a board in words to Grafana's JSON.
import {
  type Dashboard,
  DashboardBuilder,
  QueryVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as NumberBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

export type Panel = {
  title: string;
  kind: 'number' | 'lines';
  /** One of Grafana's units. */
  unit: string;
  /** PromQL, and the legend of its series. */
  queries: Record<string, string>;
  /** A number that is as high as this is red. */
  bad?: number;
};

export type Board = {
  uid: string;
  title: string;
  panels: Panel[];
  /** Picks one value of a metric's label. */
  variable?: { name: string; metric: string; label: string };
};

/** Grafana's grid has 24 columns. */
const WIDTH = { number: 4, lines: 12 };
const HEIGHT = { number: 4, lines: 8 };
const SOURCE = { type: 'prometheus', uid: 'prometheus' };

export function dashboardOf({ uid, title, panels, variable }: Board): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .tags(['hermod'])
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' });
  builder.tooltip(1);
  if (variable) {
    const values = `label_values(${variable.metric}, ${variable.label})`;
    builder.withVariable(
      new QueryVariableBuilder(variable.name)
        .datasource(SOURCE)
        .query(values)
        .refresh(2)
        .includeAll(false)
        .multi(false),
    );
  }
  for (const panel of panels) builder.withPanel(panel.kind === 'number' ? numberOf(panel) : linesOf(panel));
  return builder.build();
}

const targets = ({ queries }: Panel) =>
  Object.entries(queries).map(([expr, legend]) => new DataqueryBuilder().expr(expr).legendFormat(legend));

function numberOf(panel: Panel): NumberBuilder {
  const builder = new NumberBuilder().title(panel.title).datasource(SOURCE).unit(panel.unit);
  const steps = [
    { value: null, color: 'green' },
    ...(panel.bad === undefined ? [] : [{ value: panel.bad, color: 'red' }]),
  ];
  builder.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps));
  for (const target of targets(panel)) builder.withTarget(target);
  return builder.span(WIDTH.number).height(HEIGHT.number);
}

function linesOf(panel: Panel): LinesBuilder {
  const builder = new LinesBuilder().title(panel.title).datasource(SOURCE).unit(panel.unit).min(0);
  for (const target of targets(panel)) builder.withTarget(target);
  return builder.span(WIDTH.lines).height(HEIGHT.lines);
}
