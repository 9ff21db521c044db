import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DOCKERFILE = "config/container/Dockerfile";
const DATA_DIRECTORY = "/var/lib/gatehouse";
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

interface Instruction {
  readonly name: string;
  readonly text: string;
  readonly stage: number;
}

/** The instructions of the Dockerfile, continued lines joined, comments left out. */
function instructions(): readonly Instruction[] {
  const lines = read(DOCKERFILE)
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n");
  let stage = -1;
  return lines.filter(Boolean).map((line) => {
    const [name = ""] = line.split(" ", 1);
    if (name === "FROM") stage += 1;
    return { name, text: line.slice(name.length + 1), stage };
  });
}

const textsOf = (name: string, stage?: number): readonly string[] =>
  instructions()
    .filter((one) => one.name === name && (stage === undefined || one.stage === stage))
    .map(({ text }) => text);

/** An instruction in its exec form, the options before it left out. */
const wordsOf = (name: string): readonly string[] =>
  JSON.parse(
    textsOf(name)
      .at(-1)
      ?.replace(/^(--\S+ +)*(CMD )?/, "") ?? "null",
  );

const copied = textsOf("COPY").filter((text) => !text.startsWith("--from="));
const contextSources = copied.flatMap((text) => text.split(" ").slice(0, -1));
const buildSources = textsOf("COPY", 1).flatMap((text) => /^--from=build (\S+)/.exec(text)?.slice(1) ?? []);

const [PORT = ""] = textsOf("EXPOSE");

test.each(contextSources)("what is copied into the image is in the checkout and in the build context: %s", (source) => {
  expect(existsSync(join(ROOT, source))).toBe(true);
  const [everything, ...admitted] = read(".dockerignore").trim().split("\n");
  expect(everything).toBe("*");
  expect(admitted).toContain(`!${source}`);
});

test("what OpenSSL is told is in the image, and where npm start looks for it; Node says nothing about a file that is not", () => {
  const file = "config/openssl/no-session-tickets.cnf";
  expect(existsSync(join(ROOT, file))).toBe(true);
  expect(copied).toContain("config/openssl config/openssl");
  expect(textsOf("ENV", 1)).toContain(`OPENSSL_CONF=/opt/gatehouse/${file}`);
  const { scripts } = JSON.parse(read("package.json"));
  expect(scripts.start).toContain(` "--openssl-config=\${OPENSSL_CONF:-${file}}" `);
});

test("nothing comes into the build context that is not copied", () => {
  const admitted = read(".dockerignore").trim().split("\n").slice(1);
  expect(admitted.toSorted()).toEqual(contextSources.map((source) => `!${source}`).toSorted());
});

test("what the second stage takes from the first is made there", () => {
  const { compilerOptions, include } = JSON.parse(read("config/tooling/tsconfig.build.json"));
  expect([compilerOptions.outDir, include]).toEqual(["../../dist", ["../../services"]]);
  expect(buildSources).toEqual(["/build/package.json", "/build/node_modules", "/build/dist"]);
});

test("the compiler's native part, an optional dependency, is there for the build and not in the image", () => {
  const [install = "", build = ""] = textsOf("RUN", 0);
  const { optionalDependencies } = JSON.parse(read("node_modules/typescript/package.json"));
  expect(Object.keys(optionalDependencies)).toContain("@typescript/typescript-linux-x64");
  expect(install).toBe("npm ci --ignore-scripts");
  expect(build).toBe("npm run build && npm prune --omit=dev --omit=optional --ignore-scripts");
});

test("the image starts the command of the package, without rights, on its data volume and port", () => {
  const { bin } = JSON.parse(read("package.json"));
  expect(wordsOf("ENTRYPOINT").at(-1)).toBe(`/opt/gatehouse/${bin.gatehouse}`);
  expect(existsSync(join(ROOT, bin.gatehouse.replace("dist", "services").replace(/js$/, "ts")))).toBe(true);
  expect(textsOf("USER", 1)).toEqual(["node"]);
  expect(textsOf("VOLUME")).toEqual([DATA_DIRECTORY]);
  expect(wordsOf("CMD")).toEqual(["serve", "--data-dir", DATA_DIRECTORY, "--listen", `0.0.0.0:${PORT}`]);
});

test.each([
  { answer: 200, ca: "the server's", exitCode: 0 },
  { answer: 503, ca: "the server's", exitCode: 1 },
  { answer: 200, ca: "another", exitCode: 1 },
])("the health check ends with $exitCode when /readyz answers $answer and $ca CA is trusted", async (row) => {
  const [served, other] = [await buildTlsIdentity(), await buildTlsIdentity()];
  const { certificatePem: cert, privateKeyPem: key } = served.serving;
  const asked: unknown[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    asked.push(request.url);
    response.writeHead(row.answer).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "ca.crt"), row.ca === "another" ? other.caPem : served.caPem);
  const { port } = server.address() as AddressInfo;
  const [command = "", ...args] = wordsOf("HEALTHCHECK").map((word) =>
    word
      .replace(DATA_DIRECTORY, directory)
      .replace(":9443", `:${port}`)
      .replace(/^node$/, process.execPath),
  );
  const [exitCode] = await once(spawn(command, args, { stdio: "ignore" }), "close");
  server.close();
  expect(exitCode).toBe(row.exitCode);
  expect(asked).toEqual(row.ca === "another" ? [] : ["/readyz"]);
});

test("the compose file runs that image on loopback, read-only and without capabilities", () => {
  const { services, volumes } = parse(read("docker-compose.yml"));
  const { gatehouse } = services;
  expect(existsSync(join(ROOT, gatehouse.build.context, gatehouse.build.dockerfile))).toBe(true);
  expect(gatehouse).toMatchObject({
    build: { context: ".", dockerfile: DOCKERFILE },
    ports: [`127.0.0.1:9443:${PORT}`],
    volumes: [`${Object.keys(volumes)[0]}:${DATA_DIRECTORY}`],
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
  });
  expect(gatehouse).not.toHaveProperty("privileged");
});
