import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { conditions: ["effect-rocketmq:source"] },
  ssr: { resolve: { conditions: ["effect-rocketmq:source"] } },
  test: {
    include: ["test/heavy/**/*.test.ts"],
    execArgv: ["--expose-gc"],
    fileParallelism: false,
    testTimeout: 300_000
  }
})
