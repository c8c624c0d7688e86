# The regular expressions of h2o's documentation.
lambda do |env|
  if /\A10\./.match(env["REMOTE_ADDR"])
    return [403, {}, ["access forbidden\n"]]
  end
  if /\/user\/([^\/]+)/.match(env["PATH_INFO"])
    [200, {"x-user" => $1}, [env["PATH_INFO"].gsub(/[aeiou]/) { |c| c.upcase }, " ",
                              env["PATH_INFO"].split(/\//).join(","), " ",
                              env["PATH_INFO"].sub(/(\w+)$/, '<\1>')]]
  else
    [399, {}, []]
  end
end
