import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { parseDocument } from "yaml";
import { z } from "zod";
import { createMetrics } from "../../services/certificate-authority/http/metrics.ts";

const CONFIG = join(import.meta.dirname, "../../config");
const duration = z.string().regex(/^\d+[smhd]$/);

/** Source: Prometheus documentation, "Alerting rules" and "Defining recording rules". */
const ruleFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string().min(1),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Gatehouse[A-Za-z]+$/),
          expr: z.string().min(1),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
          annotations: z.strictObject({ summary: z.string().min(10), description: z.string().min(10) }),
        }),
      ),
    }),
  ),
});

const dashboardFile = z.looseObject({
  title: z.string(),
  panels: z.array(
    z.looseObject({ id: z.int(), title: z.string(), targets: z.array(z.looseObject({ expr: z.string().min(1) })) }),
  ),
});

const document = parseDocument(readFileSync(join(CONFIG, "alerts/gatehouse.yaml"), "utf8"));
const { groups } = ruleFile.parse(document.toJS());
const rules = groups.flatMap((group) => group.rules);
const dashboard = dashboardFile.parse(JSON.parse(readFileSync(join(CONFIG, "dashboards/gatehouse.json"), "utf8")));
const expressions = [
  ...rules.map(({ alert, expr }) => ({ name: alert, expr })),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ name: title, expr }))),
];

/** The metrics that the server shows, with what their kind adds. */
let shown: ReadonlySet<string>;
beforeAll(async () => {
  const text = await createMetrics().render();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type]) => ({ name, type }));
  const added = (name: string) => ["_bucket", "_sum", "_count"].map((suffix) => name + suffix);
  shown = new Set(types.flatMap(({ name, type }) => (type === "histogram" ? [name, ...added(name)] : [name])));
});

test("the rule file is YAML without mistakes, and each alert has a name of its own", () => {
  expect(document.errors).toEqual([]);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
});

test.each(expressions)("$name asks for metrics that there are", ({ expr }) => {
  const names = [...expr.matchAll(/\bgatehouse_\w+/g)].map(([name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(shown).toContain(name);
});

test.each(expressions)(
  "$name is well-formed: brackets close in order, selectors are lists of label matchers",
  ({ expr }) => {
    const open: string[] = [];
    for (const character of expr.replace(/"[^"]*"/g, "")) {
      if ("([{".includes(character)) open.push(character);
      const place = ")]}".indexOf(character);
      if (place >= 0) expect(open.pop()).toBe("([{"[place]);
    }
    expect(open).toEqual([]);
    for (const [, selector = ""] of expr.matchAll(/\{([^}]*)\}/g))
      expect(selector).toMatch(/^\s*\w+(=|!=|=~|!~)"[^"]*"(\s*,\s*\w+(=|!=|=~|!~)"[^"]*")*\s*$/);
  },
);

test("states and outcomes that are asked for are those that there are", () => {
  const values = (label: string) =>
    expressions.flatMap(({ expr }) =>
      [...expr.matchAll(new RegExp(`${label}=~?"([^"]*)"`, "g"))].flatMap(([, value = ""]) => value.split("|")),
    );
  for (const state of values("state")) expect(["fresh", "due", "overdue", "lost"]).toContain(state);
  for (const slot of values("slot")) expect(["prepared", "active", "old"]).toContain(slot);
  for (const outcome of values("outcome")) expect(["dropped", "failed"]).toContain(outcome);
});
