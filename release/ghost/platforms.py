"""What a package runs on, where that is another kind of machine than the bot's."""

from dataclasses import dataclass

# iisnode starts the file and hands it every request, over a pipe that it names in PORT.
WEB_CONFIG = """\
<?xml version="1.0" encoding="utf-8"?>
<!-- Written by ghostbot. -->
<configuration>
  <system.webServer>
    <webSocket enabled="false" />
    <handlers>
      <add name="iisnode" path="{start}" verb="*" modules="iisnode" />
    </handlers>
    <rewrite>
      <rules>
        <rule name="everything">
          <match url=".*" />
          <action type="Rewrite" url="{start}" />
        </rule>
      </rules>
    </rewrite>
    <security>
      <requestFiltering removeServerHeader="true">
        <requestLimits maxAllowedContentLength="1073741824" />
        <hiddenSegments>
          <remove segment="bin" />
        </hiddenSegments>
      </requestFiltering>
    </security>
    <httpErrors existingResponse="PassThrough" />
    <iisnode watchedFiles="web.config" loggingEnabled="true" devErrorsEnabled="false" />
  </system.webServer>
</configuration>
"""


@dataclass(frozen=True)
class Platform:
    """`name` tells its packages from others in the cache; `system` and `processor` are in npm's words."""

    name: str
    system: str
    processor: str

    def files(self, start: str) -> dict[str, str]:
        """What a package needs there to be started, as name -> content; a source's own of that name is left alone."""
        return {"web.config": WEB_CONFIG.format(start=start)}


WINDOWS = Platform("win32-x64", "win32", "x64")
