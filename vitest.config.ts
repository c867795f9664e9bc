import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { conditions: ["effect-rocketmq:source"] },
  ssr: { resolve: { conditions: ["effect-rocketmq:source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/rocketmq/**", "test/heavy/**"],
    testTimeout: 20_000
  }
})
