/**
 * Class paths of Apache RocketMQ and of the Java programs of `java/`.
 *
 * The jars come from Maven and are kept in `node_modules/.cache/effect-rocketmq/<version>-<hash of pom.xml>/lib`, or
 * under the directory that the environment variable `ROCKETMQ_LIB_DIR` names. Where they are there already, Maven is not
 * asked.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { HarnessError } from "./HarnessError.ts"

export type RocketmqVersion = "5.5.0" | "5.3.3" | "4.9.7"

/** The release that our own Java programs are written against. */
const programsVersion = "5.5.0"

/** `--add-exports` and its kin came with Java 9; RocketMQ 5.x is run on long-term releases from 11 on. */
const oldestJava = 11

const run = promisify(execFile)
const repository = fileURLToPath(new URL("../../../", import.meta.url))
const sources = join(repository, "java/src/main/java/effectrocketmq")
const pom = join(repository, "java/pom.xml")
const cache = process.env.ROCKETMQ_LIB_DIR ?? join(repository, "node_modules/.cache/effect-rocketmq")

const orThrowHarnessError = <A>(work: () => Promise<A>): Effect.Effect<A, HarnessError> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => cause instanceof HarnessError ? cause : new HarnessError({ message: String(cause) })
  })

const tool = (name: "java" | "javac" | "mvn"): string => {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name))
  if (name !== "mvn" && process.env.JAVA_HOME !== undefined) {
    candidates.unshift(join(process.env.JAVA_HOME, "bin", name))
  }
  const found = candidates.find((path) => existsSync(path))
  if (found === undefined) {
    throw new HarnessError({
      message: name === "mvn"
        ? "Maven is missing: no mvn on the PATH. The suite against real RocketMQ servers needs a JDK and Maven."
        : `A JDK is missing: no ${name} on the PATH or in JAVA_HOME/bin. ` +
          "The suite against real RocketMQ servers needs a JDK and Maven."
    })
  }
  return found
}

/** The path of `java`. */
export const java = (): string => tool("java")

const checkJava = async (): Promise<void> => {
  const { stderr, stdout } = await run(tool("java"), ["-version"])
  const release = /version "(\d+)/.exec(stderr + stdout)?.[1]
  if (release === undefined || Number(release) < oldestJava) {
    throw new HarnessError({
      message: `The JDK is too old: ${tool("java")} is Java ${release ?? "of an unknown release"}, ` +
        `and Java ${oldestJava} or newer is needed.`
    })
  }
}

const failure = (what: string, cause: unknown): HarnessError => {
  const { message, stderr, stdout } = cause as { message?: string; stdout?: string; stderr?: string }
  const output = `${stdout ?? ""}${stderr ?? ""}`.trim()
  return new HarnessError({ message: `${what}\n${output === "" ? message : output.slice(-4000)}` })
}

/** Makes a directory appear whole or not at all, also when two processes make it at once. */
const makeOnce = async (directory: string, fill: (into: string) => Promise<void>): Promise<void> => {
  if (existsSync(directory)) {
    return
  }
  await mkdir(cache, { recursive: true })
  const draft = await mkdtemp(join(cache, "draft-"))
  try {
    await fill(draft)
    await mkdir(join(directory, ".."), { recursive: true })
    await rename(draft, directory).catch((cause) => {
      if (!existsSync(directory)) {
        throw cause
      }
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

const jars = async (version: RocketmqVersion): Promise<string> => {
  const hash = createHash("sha256").update(await readFile(pom)).digest("hex").slice(0, 16)
  const directory = join(cache, `${version}-${hash}`, "lib")
  await makeOnce(directory, async (into) => {
    const proxy = version.startsWith("5.") ? ["-Pproxy"] : []
    await run(tool("mvn"), [
      "-q",
      "-B",
      "-f",
      pom,
      `-Drocketmq.version=${version}`,
      ...proxy,
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${into}`
    ], { maxBuffer: 64 << 20 }).catch((cause) => {
      throw failure(`Maven could not resolve Apache RocketMQ ${version}.`, cause)
    })
    if (!(await readdir(into)).includes(`rocketmq-namesrv-${version}.jar`)) {
      throw new HarnessError({ message: `Maven resolved no name server of Apache RocketMQ ${version}.` })
    }
  })
  return join(directory, "*")
}

const programs = async (): Promise<string> => {
  const files = (await readdir(sources)).filter((name) => name.endsWith(".java")).sort()
  const hash = createHash("sha256")
  for (const file of files) {
    hash.update(file).update(await readFile(join(sources, file)))
  }
  const directory = join(cache, `classes-${hash.digest("hex").slice(0, 16)}`)
  const libraries = await jars(programsVersion)
  await makeOnce(directory, async (into) => {
    const paths = files.map((file) => join(sources, file))
    await run(tool("javac"), ["-encoding", "UTF-8", "-proc:none", "-nowarn", "-cp", libraries, "-d", into, ...paths])
      .catch((cause) => {
        throw failure("The Java programs of java/ do not compile.", cause)
      })
  })
  return [directory, libraries].join(delimiter)
}

/**
 * The class path of the servers of one release, resolved on first use: seconds when Maven has the jars, a minute when
 * it must download them.
 */
export const serverClassPath = (version: RocketmqVersion): Effect.Effect<string, HarnessError> =>
  orThrowHarnessError(async () => {
    await checkJava()
    return jars(version)
  })

/** The class path of our own Java programs, with the servers, the client and the tools of 5.5.0. */
export const programClassPath: Effect.Effect<string, HarnessError> = orThrowHarnessError(async () => {
  await checkJava()
  return programs()
})
