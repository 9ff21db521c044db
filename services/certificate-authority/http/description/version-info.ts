import type { Json } from "./schema.ts";

/** The level of Kubernetes' API that is spoken here. */
const MAJOR = 1;
const MINOR = 36;
const PATCH = 2;

/**
 * `GET /version`: the API's level where clients look for it, our own version as the pre-release part, which every
 * semantic-version parser reads.
 *
 * @param version - of Gatehouse, for example `0.1.0`.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/version/types.go.
 */
export function versionInfo(version: string): Json {
  return {
    major: `${MAJOR}`,
    minor: `${MINOR}`,
    gitVersion: kubernetesVersion(version),
    gitCommit: "",
    gitTreeState: "",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: `node ${process.version}`,
    compiler: "v8",
    platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
  };
}

export function kubernetesVersion(version: string): string {
  return `v${MAJOR}.${MINOR}.${PATCH}-gatehouse.${version}`;
}
