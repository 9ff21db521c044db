import { readFileSync } from "node:fs";

/** Nanoseconds of an operation of the authorizer in kube-apiserver. */
export interface KubernetesFigures {
  readonly allow: number;
  readonly shared: number;
  readonly noOpinion: number;
  readonly write: number;
  /** Where they are from. */
  readonly source: string;
}

/** Its own benchmark, 1.36.2 with Go 1.26, one core of a two-core virtual machine; the faster end of each range. */
const RECORDED: KubernetesFigures = {
  ...{ allow: 1_100, shared: 600, noOpinion: 2_100, write: 5_200 },
  source: "recorded figures of Kubernetes 1.36.2; --kubernetes FILE takes those of this machine",
};

const ALLOW = /^allowed_(configmap|secret_via_pod|attachment)$/;
const SHARED = /^allowed_shared_secret_via_pod$/;
const NO_OPINION = /^disallowed_/;

/**
 * Kubernetes' figures to compare with.
 *
 * @param file - what `go test -run None -bench . ./plugin/pkg/auth/authorizer/node` has printed; undefined takes those
 * that were recorded.
 * @throws {Error} when the file lacks one of them.
 */
export function kubernetesFigures(file: string | undefined): KubernetesFigures {
  if (file === undefined) return RECORDED;
  const results = readFileSync(file, "utf8").matchAll(/^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns\/op/gm);
  const figures = [...results].map(([, name = "", nanoseconds]) => ({ name, nanoseconds: Number(nanoseconds) }));
  const authorization = (wanted: RegExp): number =>
    smallest(
      figures.filter(({ name }) => wanted.test(name.replace(/^Authorization\//, ""))),
      `${file}: no result that matches Authorization/${wanted.source}`,
    );
  return {
    allow: authorization(ALLOW),
    shared: authorization(SHARED),
    noOpinion: authorization(NO_OPINION),
    write: smallest(
      figures.filter(({ name }) => name === "WriteIndexMaintenance"),
      `${file}: no result of BenchmarkWriteIndexMaintenance`,
    ),
    source: file,
  };
}

function smallest(figures: readonly { readonly nanoseconds: number }[], complaint: string): number {
  if (figures.length === 0) throw new Error(complaint);
  return Math.min(...figures.map(({ nanoseconds }) => nanoseconds));
}
