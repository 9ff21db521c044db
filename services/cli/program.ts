import { Command, CommanderError } from "commander";
import { VERSION } from "../shared/version.ts";
import { type LoadCertificateAuthority, loadCertificateAuthority } from "./certificate-authority.ts";
import { CommandError, EXIT_FAILURE, EXIT_USAGE, messageOf } from "./command-error.ts";
import { addAuditSearch, addAuditTail } from "./commands/audit.ts";
import { addBench, type BenchmarkPlace, benchmarkPlace } from "./commands/bench.ts";
import { addCertificateImport } from "./commands/certificate-import.ts";
import { addCertificateList } from "./commands/certificate-list.ts";
import { addCertificateRevoke } from "./commands/certificate-revoke.ts";
import { addCertificateShow } from "./commands/certificate-show.ts";
import { addController } from "./commands/controller.ts";
import { APPROVAL, addCsrDecision, DENIAL } from "./commands/csr-decide.ts";
import { addCsrExplain } from "./commands/csr-explain.ts";
import { addCsrList } from "./commands/csr-list.ts";
import { addCsrShow } from "./commands/csr-show.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExpiry } from "./commands/expiry.ts";
import { addForecast } from "./commands/forecast.ts";
import { addIssuerExport } from "./commands/issuer-export.ts";
import { addIssuerInstall } from "./commands/issuer-install.ts";
import { addIssuerList } from "./commands/issuer-list.ts";
import { addIssuerReencrypt } from "./commands/issuer-reencrypt.ts";
import { addIssuerRequest } from "./commands/issuer-request.ts";
import {
  addIssuerAbandon,
  addIssuerActivate,
  addIssuerPrepare,
  addIssuerRetire,
  addIssuerStatus,
} from "./commands/issuer-rotation.ts";
import { addJoin } from "./commands/join.ts";
import { addLedgerBackup } from "./commands/ledger-backup.ts";
import { addLedgerCheckpoint, addLedgerProve } from "./commands/ledger-prove.ts";
import { addLedgerVerify } from "./commands/ledger-verify.ts";
import { addMachineChange, BAN, RELEASE } from "./commands/machine-change.ts";
import { addMachineEnroll, addMachineImport } from "./commands/machine-enroll.ts";
import { addMachineList, addMachineShow } from "./commands/machine-list.ts";
import { addNodeAuthorizer } from "./commands/node-authorizer.ts";
import {
  addNodeAuthorizerChanges,
  addNodeAuthorizerDrain,
  addNodeAuthorizerExplain,
  addNodeAuthorizerReach,
} from "./commands/node-authorizer-explain.ts";
import { addNodeAuthorizerManifests } from "./commands/node-authorizer-manifests.ts";
import { addNodeList } from "./commands/node-list.ts";
import { addNodeQuarantine, addNodeReadmit } from "./commands/node-quarantine.ts";
import { addNodeShow } from "./commands/node-show.ts";
import { addPkiCheck } from "./commands/pki-check.ts";
import { addPkiInit } from "./commands/pki-init.ts";
import { addPolicyCheck } from "./commands/policy-check.ts";
import { addPolicyReplay } from "./commands/policy-replay.ts";
import { addPolicyShadow } from "./commands/policy-shadow.ts";
import { addPolicyShow } from "./commands/policy-show.ts";
import { addPolicyTest } from "./commands/policy-test.ts";
import { addRenew } from "./commands/renew.ts";
import { addRotate } from "./commands/rotate.ts";
import { addServe } from "./commands/serve.ts";
import { addTokenCreate } from "./commands/token-create.ts";
import { addTokenDelete } from "./commands/token-delete.ts";
import { addTokenHash } from "./commands/token-hash.ts";
import { addTokenList } from "./commands/token-list.ts";
import { addVersion } from "./commands/version.ts";
import { type LoadDoctor, loadDoctor } from "./doctor.ts";
import { type LoadNodeAgent, loadNodeAgent } from "./node-agent.ts";
import { type LoadNodeAuthorizer, loadNodeAuthorizer } from "./node-authorizer.ts";
import { withExamples } from "./options.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

export interface ProgramDependencies {
  readonly terminal: Terminal;
  readonly loadCertificateAuthority: LoadCertificateAuthority;
  readonly loadDoctor: LoadDoctor;
  readonly loadNodeAuthorizer: LoadNodeAuthorizer;
  readonly loadNodeAgent: LoadNodeAgent;
  readonly benchmark: BenchmarkPlace;
}

/** The whole command line. Parsing throws a CommanderError instead of ending the process. */
function createProgram(dependencies: ProgramDependencies): Command {
  const { terminal, loadCertificateAuthority: load, benchmark } = dependencies;
  const program = new Command("gatehouse")
    .description("Certificate authority for the nodes of a Kubernetes cluster.")
    .version(VERSION, "-V, --version", "print the version of this command")
    .helpOption("-h, --help", "show help")
    .helpCommand(true)
    // A command's options come after its name: one below may have options of the same names.
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      getOutHelpWidth: () => 120,
      getErrHelpWidth: () => 120,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  withExamples(program, ["gatehouse serve", "gatehouse csr list", "gatehouse csr approve csr-x7k2p"]);
  addServe(program, load);
  addController(program, load);
  const csr = program.command("csr").description("certificate signing requests");
  addCsrList(csr, terminal);
  addCsrShow(csr, terminal);
  addCsrExplain(csr, terminal);
  addCsrDecision(csr, terminal, APPROVAL);
  addCsrDecision(csr, terminal, DENIAL);
  const certificate = program.command("certificate").description("certificates that were signed");
  addCertificateList(certificate, terminal);
  addCertificateShow(certificate, terminal);
  addCertificateImport(certificate, terminal);
  addCertificateRevoke(certificate, terminal);
  const node = program.command("node").description("nodes that have certificates");
  addNodeList(node, terminal);
  addNodeShow(node, terminal);
  addNodeQuarantine(node, terminal);
  addNodeReadmit(node, terminal);
  const machine = program.command("machine").description("machines that attest");
  addMachineList(machine, terminal);
  addMachineShow(machine, terminal);
  addMachineEnroll(machine, terminal);
  addMachineImport(machine, terminal);
  addMachineChange(machine, terminal, RELEASE);
  addMachineChange(machine, terminal, BAN);
  const token = program.command("token").description("bootstrap tokens, and lines for a token file");
  addTokenCreate(token, terminal);
  addTokenList(token, terminal);
  addTokenDelete(token, terminal);
  addTokenHash(token, terminal);
  const issuer = program.command("issuer").description("certificate authorities");
  addIssuerList(issuer, terminal);
  addIssuerExport(issuer, terminal);
  addIssuerRequest(issuer, terminal);
  addIssuerInstall(issuer, terminal);
  addIssuerStatus(issuer, terminal);
  addIssuerPrepare(issuer, terminal);
  addIssuerActivate(issuer, terminal);
  addIssuerRetire(issuer, terminal);
  addIssuerAbandon(issuer, terminal);
  addIssuerReencrypt(issuer, terminal);
  const policy = program.command("policy").description("who decides which requests are approved");
  addPolicyShow(policy, terminal);
  addPolicyShadow(policy, terminal);
  addPolicyReplay(policy, terminal, load);
  addPolicyCheck(policy, terminal, load);
  addPolicyTest(policy, terminal, load);
  addRotate(program, terminal);
  addJoin(program, terminal, dependencies.loadNodeAgent);
  addRenew(program, terminal, dependencies.loadNodeAgent);
  const pki = program.command("pki").description("the certificates of a control plane");
  addPkiInit(pki, terminal, load);
  addPkiCheck(pki, terminal, load);
  const ledger = program.command("ledger").description("the record of everything that was signed");
  addLedgerBackup(ledger, terminal);
  addLedgerVerify(ledger, terminal, load);
  addLedgerCheckpoint(ledger, terminal);
  addLedgerProve(ledger, terminal);
  const audit = program.command("audit").description("who did what: requests, decisions, signatures, removals");
  addAuditSearch(audit, terminal);
  addAuditTail(audit, terminal);
  const nodeAuthorizer = addNodeAuthorizer(program, dependencies.loadNodeAuthorizer, load);
  addNodeAuthorizerExplain(nodeAuthorizer, terminal, dependencies.loadNodeAuthorizer);
  addNodeAuthorizerReach(nodeAuthorizer, terminal, dependencies.loadNodeAuthorizer);
  addNodeAuthorizerDrain(nodeAuthorizer, terminal, dependencies.loadNodeAuthorizer);
  addNodeAuthorizerChanges(nodeAuthorizer, terminal);
  addNodeAuthorizerManifests(nodeAuthorizer, terminal, dependencies.loadNodeAuthorizer, load);
  addExpiry(program, terminal);
  addForecast(program, terminal);
  addDoctor(program, terminal, dependencies.loadDoctor);
  addBench(program, benchmark);
  addVersion(program, terminal);
  return program;
}

/**
 * Runs one command line.
 *
 * @param args - without the program's name.
 * @returns the exit code: 0 done, 1 failed, 2 the command line was wrong.
 */
export async function run(args: readonly string[], dependencies: ProgramDependencies): Promise<number> {
  const { stderr } = dependencies.terminal;
  try {
    await createProgram(dependencies).parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error, stderr);
    if (error instanceof CommandError) {
      stderr.write(`error: ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
      return error.exitCode;
    }
    stderr.write(`error: ${messageOf(error)}\nThis is a defect of gatehouse; please report it with what follows.\n`);
    stderr.write(`${(error as Partial<Error> | null)?.stack ?? ""}\n`);
    return EXIT_FAILURE;
  }
}

/** Commander has said what was wrong; it ends "successfully" for help and version only. */
function exitCodeOf(error: CommanderError, stderr: Terminal["stderr"]): number {
  if (error.exitCode === 0) return 0;
  if (error.code !== "commander.help") stderr.write("See --help.\n");
  return EXIT_USAGE;
}

/** Runs the process's own command line and leaves the exit code with the process. */
export async function runInProcess(): Promise<void> {
  // Whoever reads our output may stop reading (`| head`); that is the end of the work, not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : EXIT_FAILURE);
  });
  const terminal = processTerminal(new AbortController().signal);
  const code = await run(process.argv.slice(2), {
    terminal,
    loadCertificateAuthority,
    loadDoctor,
    loadNodeAuthorizer,
    loadNodeAgent,
    benchmark: benchmarkPlace,
  });
  // A server that could not start may have threads already, which would keep the process for ever.
  if (code !== 0) process.exit(code);
  process.exitCode = code;
}
